// Package detector implements Faster R-CNN on any backbone, with a single feature map
// (C4) or a feature pyramid: its configuration, model files, detection, training step
// and evaluation.
//
// Detection, in the order in which an image meets the files:
//
//	model.go      Model: configuration, classes, parameters; load and save
//	config.go     the configuration, presets default and paper
//	settings.go   settings that may differ per image; the padded size
//	threshold.go  score thresholds by class, as users write them
//	thresholds.go those that an evaluation has stored in a model file
//	detect.go     Detector: images -> boxes; cache of compiled plans
//	pending.go    Start and Wait: pending batches on an asynchronous device
//	tiled.go      StartTiled: the tiles of a large picture and the whole picture, merged
//	input.go      decoded images -> model input, on the host or on the device
//	plans.go      the forward pass compiled for one padded batch size; as one graph (GPU)
//	twographs.go  as two graphs (CPU)
//	forward.go    the layers, which detection and training share
//	levels.go     the feature maps: strides, anchors, the ones that RoIAlign uses
//
// Training:
//
//	trainer.go    Trainer: what package train calls
//	step.go       the forward and backward pass of one batch
//	parts.go      the parts in which a step knows its gradients
//	targets.go    ground truth -> sampled anchors and RoIs, loss targets
//	size.go       memory estimates for training and detection
//	resume.go     check for frozen parameters without trained values
//
// Evaluation:
//
//	evaluate.go   dataset -> COCO metrics
//	partial.go    detections of a stopped evaluation, for resuming
//	evaluate_tiled.go  the same in tiles
//	timing.go     time per image and phase
//
// # Two graphs, or one
//
//	images -> [backbone, neck, RPN, proposals]  -> features, proposals
//	       -> [RoIAlign, box head]              -> class logits, deltas
//	       -> post-processing (package roi)     -> detections
//
// On the CPU, Go code between the two graphs reads the number of proposals, runs the
// second graph on exactly these, and post-processes its output. On a GPU, reading that
// number would block the host, so everything is one graph. Its box head runs on the
// configured maximum number of proposals per image, and the host reads only detections.
//
// In training, Go code between the two graphs samples RoIs from the proposals. The
// second graph's backward pass gives the gradient with respect to the features. The
// first graph's backward pass starts from that gradient and the RPN's losses.
//
// Boxes between the graphs are in pixels of the model input and in the configuration's
// convention. Boxes in a Detection are continuous and in pixels of the image after EXIF
// orientation.
package detector
