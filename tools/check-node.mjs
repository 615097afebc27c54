// Fails loudly when the project's own Node is not the one running: an old Node would break later, in odder ways.
const [major] = process.versions.node.split(".").map(Number);
if (major < 24) {
  console.error(`Milagro needs Node 24 or newer; this is Node ${process.versions.node}.`);
  console.error(
    "Run commands through npm (npm start, npm test, npm run milagro -- …): that uses the project's own Node.",
  );
  process.exit(1);
}
