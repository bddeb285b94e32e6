// Package layout writes data sets in the formats of COCO, Pascal VOC, YOLO, LabelMe, CVAT, Label Studio and Open Images.
//
// Entries that a format cannot hold are counted and listed in Writer.Remarks. A data set that is written and read back, with the
// same options, keeps:
//
//	              boxes                   flags                        else
//	COCO          exactly                 crowd, ignore; difficult,    ids, areas, classes without objects
//	              (YOLO, VOC: 1e-6 px)    truncated as extra fields
//	Pascal VOC    to 1e-6 px; Devkit:     difficult, truncated; crowd  renumbered; classes that have objects, sorted;
//	              to whole pixels         as "iscrowd", and "ignore"   area is width*height
//	YOLO          to 1e-6 px              none: crowds and ignored     renumbered; area is width*height
//	                                      objects are skipped
//	LabelMe       to 1e-6 px              all                          as Pascal VOC
//	CVAT          to 1e-6 px              all                          renumbered; all classes in their order
//	Label Studio  to 1e-6 px              none, as YOLO                as Pascal VOC
//	Open Images   to 1e-6 px, cut at the  crowd, truncated             renumbered; all classes in their order; no images
//	              edges of the image                                   without boxes
//
// A COCO box with up to six decimals, and any box in whole pixels, therefore has the same bits after conversion through any format.
// COCO's "segmentation", keypoints, captions and licences are not read and so not written.
//
// Folders are written under a temporary name and renamed when they are complete. Files are written completely or not at all. A
// folder that parts are added to is as it was after an error: with Writer.Add, all parts are in it or none.
// Nothing that exists is replaced, except a file with Writer.Overwrite.
package layout
