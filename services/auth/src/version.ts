/** Version of this service, for /openapi.json and metrics. @module */
export const VERSION = "0.1.0";
