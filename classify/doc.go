// Package classify trains and evaluates image classifiers: the seed networks for neuron
// allocation (package classify/allocate), and pretrained backbones for detectors.
//
// Inference and data, in the order in which an image meets the files:
//
//	model.go       Model: configuration, classes, parameters; load and save
//	config.go      the configuration, presets cifar and imagenet
//	dataset.go     labelled images, from folders (folder.go) or CIFAR (cifar.go)
//	augment.go     cropping for evaluation, augmentation for training
//	input.go       decoded images -> model input, on the host or on the device
//	loader.go      batches, prefetched on goroutines
//	classifier.go  Classifier: images -> probabilities, top-1 and top-5 accuracy
//
// Training:
//
//	trainer.go     Trainer: what package train calls
//	step.go        the forward and backward pass of one batch
//	resume.go      check for frozen parameters without trained values
//	sensitivity.go what the loss owes to single parameters
//	digest.go      digest of a dataset
//	search.go      seed network, allocation and final training in one resumable run
package classify
