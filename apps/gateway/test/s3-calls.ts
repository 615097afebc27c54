/**
 * How tests of the S3 interface put, get and look at errors, by Amazon's client.
 * @module
 */
import * as S3 from "@aws-sdk/client-s3";

/** @param client - asked each time: there is none before the gateway runs */
export const s3Calls = (client: () => S3.S3Client, Bucket: string) => ({
  put: (Key: string, Body: Uint8Array | string, more: Partial<S3.PutObjectCommandInput> = {}) =>
    client().send(new S3.PutObjectCommand({ Bucket, Key, Body, ...more })),

  get: async (Key: string, more: Partial<S3.GetObjectCommandInput> = {}, by = client()) => {
    const answer = await by.send(new S3.GetObjectCommand({ Bucket, Key, ...more }));
    const body = answer.Body as { transformToByteArray(): Promise<Uint8Array> };
    return { ...answer, bytes: await body.transformToByteArray() };
  },
});

/** What a request was refused with. */
export const nameOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: Error) => error.name,
  );
