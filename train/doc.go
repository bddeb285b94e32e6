// Package train has the training loop, for detectors and classifiers: optimiser,
// learning rate schedule, checkpoints and exact resume, logs and progress. Package
// internal/curves plots the logs.
//
// A [Loop] is given three things:
//   - a [Model], which computes losses and gradients of a batch and evaluates
//     itself on validation data
//   - a [Source], which returns batches
//   - the [Device] that holds parameters and gradients
//
// The loop has the [Optimizer], the [EMA] and the files of a run:
//
//	last.safetensors    the model after the last save
//	best.safetensors    the model with the best value of Config.Best so far
//	state.safetensors   everything that resume needs, including parameters
//	train.csv eval.csv  one row per Config.LogSteps steps; one row per evaluation
//	log.jsonl           the same rows, one JSON object per line
//	loss.png metrics.png charts, if Loop.OnEpochEnd plots them
//
// A run that was stopped or killed, and then resumed, makes the same steps as an
// uninterrupted run, bit for bit on a deterministic device. Only state.safetensors
// decides where a run resumes. It is replaced by one rename, so that a crash
// cannot leave two files that disagree.
//
// Caveats:
//   - A step is an optimiser step: it averages the gradients of Accumulate
//     batches. The last step of an epoch may have fewer batches. The run is saved
//     only between steps.
//   - Random numbers must come from [Rand], whose state is saved. The source must
//     return the same batches for the same epoch and position.
//   - When the context ends, the step in progress is finished, or abandoned if it
//     takes longer than [Grace]. The run is saved and [InterruptedError] returned.
//     An evaluation in progress is dropped. Abandoned steps and dropped evaluations
//     are repeated on resume. See [Interruptible] for Ctrl-C.
//   - A NaN or infinite loss ends the run with a [NonFiniteError]. The last saved
//     state is kept.
//   - Only the timing columns of the logs differ from run to run.
package train
