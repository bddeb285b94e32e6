// Package analysis says where a detector's figures come from: what package coco's evaluator does not need for the twelve figures.
//
//   - Analyse: everything about one results file; its report is an HTML page of one file, images and JSON.
//   - Errors: how much average precision each kind of error costs, as TIDE counts them.
//   - Confusion: which classes are taken for which.
//   - VOC: average precision as Pascal VOC defines it, of 2007 (11 points) and later (area).
//   - Compare: two results files, by class and by image, with a bootstrap that says what may be chance.
//
// Objects that are ignored (crowds, "ignore", Pascal VOC's difficult ones where VOC is asked) count nowhere.
package analysis
