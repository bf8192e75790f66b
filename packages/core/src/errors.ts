/**
 * Errors a caller may branch on. Every message reads `where: what was wanted, what was got; what to do`.
 * Wrapped causes are kept in `cause`.
 */

/** Base of all errors that Limbeck throws on purpose; the command line prints its message without a stack. */
export class LimbeckError extends Error {
  override readonly name: string = "LimbeckError";
}

/** A tensor or array whose shape does not fit. */
export class ShapeError extends LimbeckError {
  override readonly name = "ShapeError";
}

/** A wrong configuration: unknown key, method, data set, network, preset, or a value out of range. */
export class ConfigError extends LimbeckError {
  override readonly name = "ConfigError";
}

/** A data or artefact file that is missing, truncated, corrupted, of a newer version or not ours. */
export class DataError extends LimbeckError {
  override readonly name = "DataError";
}

/** A derivative was asked for that the operation does not have. */
export class NotDifferentiableError extends LimbeckError {
  override readonly name = "NotDifferentiableError";
}

/** A back end that was asked for and cannot be had; the message says why and what to do. */
export class BackendError extends LimbeckError {
  override readonly name = "BackendError";
}

/** A run that had to stop: a loss that is not finite, a locked folder, a full disk. */
export class RunError extends LimbeckError {
  override readonly name = "RunError";
}

/** A run that was asked to stop and did, its state saved where it has a folder; the command line ends with code 130. */
export class InterruptedError extends LimbeckError {
  override readonly name = "InterruptedError";
}
