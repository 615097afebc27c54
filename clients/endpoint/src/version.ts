/** The version of this package; the status and the metrics say it. @module */
export const VERSION = "0.1.0";
