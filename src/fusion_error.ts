import { printable } from "./printable.ts";

/**
 * The family of errors whose message is meant for the person who runs the
 * tool: one line that names the file, key or tensor, what was found and what
 * was expected. The command line prints it without a stack trace and exits
 * with status 2.
 */
export class FusionError extends Error {
  /**
   * Makes an error to be shown to the user.
   *
   * @param message One line: what is wrong, where, and what to change; it is
   * made fit to be printed.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
    this.name = new.target.name;
  }
}

/** A checkpoint file is missing, damaged, or does not fit the model. */
export class CheckpointError extends FusionError {}

/** A config file, preset or override is wrong. */
export class ConfigError extends FusionError {}

/** A data set or an image in it cannot be read. */
export class DatasetError extends FusionError {}

/** A model pool's models cannot be found, or do not fit each other. */
export class ModelPoolError extends FusionError {}

/** A method cannot run with these parameters or on this pool. */
export class MethodError extends FusionError {}

/** A TensorFlow.js backend is not there or does not work. */
export class BackendError extends FusionError {}
