// Package coco reads data sets with boxes, feeds them to training, and evaluates detections as COCO does.
//
//   - Dataset: Open recognises a COCO instances file, a Pascal VOC folder and a YOLO data set; WriteCOCO writes the first.
//   - Results: detections as columns, and COCO results files (ReadResults, WriteResults).
//   - Evaluate: pycocotools' COCOeval for boxes, the twelve figures in all and for each class, equal to 1e-9. An Evaluator
//     also gives rankings and precision-recall curves, and figures by object size; package coco/analysis builds on them.
//   - Loader: batches of padded, normalised images with their boxes, prepared ahead of the training step.
//
// Boxes of annotations and results are x, y, width, height in float64 pixels of the original image, as the files have them;
// boxes of a Batch are geom.Box in float32 pixels of the resized one. Classes are numbered 1..K in the order of
// Dataset.Categories; 0 is left for background. Ids are the files' own and may have gaps, start at 0 or be negative.
//
// # Where this differs from pycocotools, on purpose
//
// Evaluator.ReferenceQuirks makes the first four what they are there, for the identical figure.
//
//   - An object with id 0 can be found. There it never counts as found.
//   - An object that the file says to ignore ("ignore": 1) is no error to find and none to miss. There iscrowd overwrites it.
//   - Ids of images, categories or annotations that are there twice, and objects of unknown images or categories, are errors. There
//     the last image or category of an id counts, every annotation of an id stands for the last one, and the rest is dropped.
//   - Two categories of one name are an error: models know classes by name. There names do not matter.
//   - An empty list of detections gives zeros; there it raises. "area" and "iscrowd" may be missing, there it raises: then
//     width*height and no crowd. Numbers that are not finite are errors that name file, index and field.
//
// Everything else is as there, also what may surprise: detections of a category that the ground truth does not list are dropped
// (Evaluation.Unlisted counts them); boxes of no area are objects that nobody can find.
package coco
