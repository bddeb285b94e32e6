// Package recipe derives the settings of a training from its data, its device and
// its time: the input size and the anchors from the objects, the batch from the
// memory, the schedule from the speed. Each derived key has a reason.
//
// A [Recipe] begins with a complete configuration. Keys that the user gave keep
// their values, and the others are derived to go with them.
package recipe
