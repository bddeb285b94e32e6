// Package coco reads data sets with boxes, feeds them to training, and evaluates detections as COCO does.
//
//   - Dataset: Open recognises a COCO instances file, a Pascal VOC folder and a YOLO data set; WriteCOCO writes the first.
//   - Results: detections as columns, and COCO results files (ReadResults, WriteResults).
//   - Evaluate: pycocotools' COCOeval for boxes, the twelve figures and the AP per class, equal to 1e-9.
//   - Loader: batches of padded, normalised pictures with their boxes, prepared ahead of the training step.
//
// Boxes of annotations and results are x, y, width, height in float64 pixels of the original picture, as the files have them;
// boxes of a Batch are geom.Box in float32 pixels of the resized one. Classes are numbered 1..K in the order of
// Dataset.Categories; 0 is left for background. Ids are the files' own and may have gaps or start at 0.
//
// # Where this differs from pycocotools, on purpose
//
//   - Duplicate ids of images, categories or annotations, objects of unknown images or categories, detections on unknown images,
//     and numbers that are not finite are errors that name file, index and field; pycocotools evaluates them to something.
//   - An object with id 0 can be found (there it never counts as found). An empty list of detections gives zeros
//     (there it raises).
//   - "area" and "iscrowd" may be missing (there it raises): then width*height and no crowd.
//
// Everything else is as there, also what may surprise: detections of a category that the ground truth does not list are dropped
// (Evaluation.Unlisted counts them); an annotation's "ignore" has no effect, only crowds are ignored; boxes of no area
// are objects that nobody can find.
package coco
