declare module "s3rver" {
  /** Only what the tests use. */
  export default class S3rver {
    constructor(options: {
      port: number;
      address: string;
      directory: string;
      silent: boolean;
      configureBuckets?: readonly { readonly name: string }[];
    });
    readonly store: {
      putObject(object: { readonly bucket: string; readonly key: string }): Promise<unknown>;
      putPart(bucket: string, uploadId: string, partNumber: number, content: unknown): Promise<unknown>;
      getResourcePath(bucket: string, key: string | undefined, resource: string): string;
    };
    /** There after `run`. */
    readonly httpServer: import("node:http").Server;
    run(): Promise<{ readonly port: number }>;
    close(): Promise<void>;
  }
}
