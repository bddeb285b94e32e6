// Package train runs a training: the loop, the schedule of the learning rate,
// the optimiser, checkpoints and exact resume, logs and progress. Package
// train/curves plots the logs.
//
// It knows neither detection nor classification. A [Loop] is given a [Model],
// which computes losses and gradients of a batch and measures itself on its
// validation data; a [Source], which yields batches; and the [Device] that
// holds parameters and gradients. The loop owns what lies between: [Optimizer],
// [EMA], [Config] and the files of a run:
//
//	last.safetensors    the model after the last save
//	best.safetensors    the model with the best figure so far
//	state.safetensors   all that a resumed run needs, parameters included
//	train.csv eval.csv  a row every few steps, a row an evaluation
//	log.jsonl           the same rows, a JSON object a line
//	loss.png metrics.png the curves, if Loop.OnEpochEnd plots them
//
// A run that was stopped, even killed, and resumed does the same steps as one
// that was not, bit for bit on a device whose arithmetic is deterministic.
// state.safetensors alone decides where a run resumes, and one rename replaces
// it, so there is no moment at which two files have to agree.
//
// Caveats:
//   - A step is an optimiser step: Accumulate batches, their gradients
//     averaged. The rest of an epoch that doesn't fill a step makes a smaller
//     one. Saves happen between steps only.
//   - Random numbers that are to survive a resume come from [Rand], and the
//     source must yield the same batches for the same epoch and position.
//   - When the context ends, the step in progress is finished, or abandoned if it
//     takes longer than [Grace], the run saved and [InterruptedError] returned.
//     An evaluation in progress is dropped. What was abandoned or dropped is done
//     again on resume. See [Interruptible] for Ctrl-C.
//   - A loss that is not finite ends the run with a [NonFiniteError]; nothing
//     is saved over the last good state.
//   - Timing columns of the logs differ from run to run; the others don't.
package train
