/** The little that the benchmarks use of `milagro-crypto-js`, which has no types of its own. Arguments that are arrays are filled in. */
declare module "milagro-crypto-js" {
  type Bytes = number[];
  interface Random {
    seed(length: number, bytes: Bytes): void;
  }
  interface Context {
    readonly RAND: new () => Random;
    readonly MPIN: {
      readonly HASH_TYPE: number;
      stringtobytes(text: string): Bytes;
      HASH_ID(hash: number, id: Bytes): Bytes;
      RANDOM_GENERATE(random: Random, scalar: Bytes): number;
      GET_SERVER_SECRET(master: Bytes, secret: Bytes): number;
      GET_CLIENT_SECRET(master: Bytes, hashedId: Bytes, secret: Bytes): number;
      EXTRACT_PIN(hash: number, id: Bytes, pin: number, secret: Bytes): number;
      CLIENT_1(
        hash: number,
        date: number,
        id: Bytes,
        random: Random,
        x: Bytes,
        pin: number,
        token: Bytes,
        secret: Bytes,
        u: Bytes,
        permitU: null,
        permit: null,
      ): number;
      CLIENT_2(x: Bytes, y: Bytes, secret: Bytes): number;
      SERVER_1(hash: number, date: number, id: Bytes, point: Bytes, permitPoint: null): number;
      SERVER_2(
        date: number,
        point: Bytes,
        permitPoint: null,
        y: Bytes,
        serverSecret: Bytes,
        u: Bytes,
        permitU: null,
        v: Bytes,
        e: null,
        f: null,
      ): number;
    };
  }
  const Context: new (curve: string) => Context;
  export default Context;
}
