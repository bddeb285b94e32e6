// Package coco reads detection data sets, makes training batches from them, and computes COCO metrics.
//
//   - Dataset: Open reads a COCO instances file, a Pascal VOC folder, a YOLO data set, a file of CVAT, Label Studio or Open Images, or
//     any folder with images and annotations of one of these kinds or of LabelMe below it; WriteCOCO writes a COCO instances file.
//   - Results: detections in columns; ReadResults and WriteResults handle COCO results files.
//   - Evaluate: pycocotools' COCOeval for boxes. The twelve metrics, in total and per class, agree to 1e-9. An Evaluator also
//     returns rankings, precision-recall curves and metrics by object size, for package internal/analysis.
//   - Loader: batches of padded, normalised images with their boxes, prefetched while the network trains.
//
// Boxes of annotations and results are x, y, width, height in float64 pixels of the original image, as in the files. Boxes of
// a Batch are geom.Box in float32 pixels of the resized image. Classes are numbered 1..K in the order of Dataset.Categories;
// 0 is background. Ids are those of the files: they may have gaps, start at 0 or be negative.
//
// # Intended differences from pycocotools
//
// Evaluator.ReferenceQuirks restores the behaviour of pycocotools in the first four, for identical values.
//
//   - An object with id 0 can be matched. In pycocotools it counts as missed even if a detection matches it.
//   - An object with "ignore": 1 counts neither as found nor as missed. In pycocotools iscrowd overwrites "ignore".
//   - Duplicate ids of images, categories or annotations, and objects of unknown images or categories, are errors. In pycocotools
//     the last image or category with an id counts, all annotations with one id become the last of them, and objects of unknown
//     images or categories are dropped.
//   - Of two categories with the same name, one without objects is left out. If both have objects they are an error, because
//     models identify classes by name. pycocotools ignores names.
//   - An empty list of detections evaluates to zeros. A missing "area" is width*height and a missing "iscrowd" is 0. In
//     pycocotools these raise an exception. NaN and infinite numbers are errors that name file, index and field.
//
// All else is as in pycocotools. In particular, detections of a category that is no class of the ground truth are dropped
// (Evaluation.Unlisted counts them), zero-area boxes are objects that no detection can match, and an object whose area is not in
// 0..1e10 is ignored.
package coco
