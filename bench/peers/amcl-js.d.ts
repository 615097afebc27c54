/** The little that the benchmarks use of `amcl-js`, which has no types of its own. */
declare module "amcl-js" {
  interface Big {
    readonly w: number[];
  }
  interface Point {
    affine(): void;
  }
  interface Context {
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
