// Package layout writes data sets in the layouts of COCO, Pascal VOC and YOLO.
//
// What a layout cannot hold is counted and named in the Remarks of a Writer. There and back, with the same options:
//
//	              boxes                   flags                        else
//	COCO          to the bit              crowd; difficult, truncated  ids, areas, classes without objects
//	              (YOLO, VOC: 1e-6 px)    as fields of its own
//	Pascal VOC    to 1e-6 px; Devkit:     difficult, truncated; crowd  renumbered; classes that have objects, sorted;
//	              to whole pixels         as "iscrowd"                 area is width*height
//	YOLO          to 1e-6 px              none: crowds are left out    renumbered; area is width*height
//
// A box of COCO with up to six decimals, and any box of whole pixels, is therefore the same bits after a way through any layout.
// "segmentation", keypoints, captions and licences of COCO are not read and so not written.
//
// Folders are written under another name beside their place and renamed when they are complete; files are written whole or not at
// all. Nothing that exists is written over, but for a file where Options.Overwrite says so.
package layout
