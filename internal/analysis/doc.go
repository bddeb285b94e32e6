// Package analysis analyses the errors of a detector, beyond the twelve metrics of package coco.
//
//   - Analyse: all results for one results file. Its report is a self-contained HTML file, charts and JSON.
//   - Errors: the AP lost by each type of error, as in TIDE.
//   - Confusion: the confusion matrix.
//   - VOC: AP of Pascal VOC 2007 (11 points) and of Pascal VOC 2010 and later (area).
//   - Compare: two results files, by class and by image, with bootstrap confidence intervals.
//
// Ignored objects (crowds, "ignore": 1, and in VOC also "difficult") are excluded everywhere.
package analysis
