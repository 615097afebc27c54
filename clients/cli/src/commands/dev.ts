export const dev = {
  name: "dev",
  summary: "x",
  examples: [{ text: "x", line: "milagro dev" }] as const,
  async run() {
    return undefined;
  },
};
