/** Setting up a device. @module */
export {};
