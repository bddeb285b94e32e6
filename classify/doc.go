// Package classify trains and tests classifiers on labelled images: the seed
// networks whose neurons are allocated (package classify/allocate) and the
// backbones that detectors start from.
//
//	config.go    every number; presets cifar and imagenet
//	dataset.go   labelled images, from folders (folder.go) or CIFAR (cifar.go)
//	augment.go   what training does to an image
//	loader.go    batches, made ahead on goroutines
//	model.go     configuration, classes and parameters; files
//	step.go      loss and gradients of a batch
//	classifier.go  Classifier: images -> probabilities, top-1 and top-5
//	trainer.go   what package train needs to run a training
//	search.go    seed, allocation, training of the outcome: in one go, with resume
package classify
