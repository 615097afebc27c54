/** The little that the benchmarks use of `amcl-js`, which has no types of its own. */
declare module "amcl-js" {
  interface Big {
    readonly w: number[];
  }
  interface Point {
    affine(): void;
  }
  interface Random {
    seed(length: number, bytes: number[]): void;
  }
  interface Context {
    readonly RAND: new () => Random;
    /** Arguments that are arrays are filled in. */
    readonly MPIN: {
      asciitobytes(text: string): number[];
      ENCODE_TO_CURVE(tag: number[], id: number[], point: number[]): void;
      RANDOM_GENERATE(random: Random, scalar: number[]): number;
      GET_SERVER_SECRET(master: number[], secret: number[]): number;
      GET_CLIENT_SECRET(master: number[], point: number[], secret: number[]): number;
      EXTRACT_PIN(point: number[], pin: number, secret: number[]): number;
      CLIENT_1(
        point: number[],
        random: Random,
        x: number[],
        pin: number,
        token: number[],
        v: number[],
        u: number[],
      ): number;
      CLIENT_2(x: number[], y: number[], v: number[]): number;
      SERVER(point: number[], y: number[], serverSecret: number[], u: number[], v: number[]): number;
    };
    readonly BIG: { fromBytes(bytes: number[]): Big };
    readonly ECP: { generator(): Point };
    readonly ECP2: { generator(): Point };
    readonly PAIR: {
      ate(q: Point, p: Point): unknown;
      fexp(value: unknown): unknown;
      G1mul(p: Point, k: Big): Point;
      G2mul(q: Point, k: Big): Point;
    };
  }
  const amcl: { CTX: new (curve: string) => Context };
  export default amcl;
}
