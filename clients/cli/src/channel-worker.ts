/**
 * The thread in which `milagro channel listen` and its like check signatures: beside the program in its bundle, where it is looked for.
 * @module
 */
import "@milagro/runtime/channel/channel-worker";
