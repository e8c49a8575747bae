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
   * @param message One line: what is wrong, where, and what to change. What
   * would control a terminal or begin another line becomes a space, and what is
   * very long is cut: messages quote names from files that nobody trusts.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(shortened(message.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")), options);
    this.name = new.target.name;
  }
}

/** Longer, a message is no longer read: a file's content got into it. */
const LONGEST = 1500;

/** Leaves out the middle: the place stands at the beginning, the advice last. */
function shortened(message: string): string {
  if (message.length <= LONGEST) return message;
  return `${message.slice(0, LONGEST - 400)} … ${message.slice(-400)}`;
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
