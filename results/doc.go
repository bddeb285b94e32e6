// Package results writes what a detector found in images and video frames, in the formats that other tools read.
//
//	text         for people                                     To, one block of lines per image
//	jsonl        one JSON object per image                      To
//	csv          one line per object, with a header             To
//	coco         a COCO results list (pycocotools' loadRes)     To, complete after Close
//	labelstudio  tasks with predictions for Label Studio        To, complete after Close
//	yolo         labels/NAME.txt per image, data.yaml           Put
//	voc          Annotations/NAME.xml per image                 Put
//
// A [Writer] writes each image as it is added, and holds nothing back. So text, jsonl, csv, yolo and voc are whole at every moment. coco and labelstudio
// are JSON arrays, which Close ends: call Close also after a failure or an interrupt, and the file has all images added before it.
//
// [Format.Files] returns the names of the files of yolo and voc before anything is written, so that callers can check them. [Crops] cuts out objects.
//
// # Coordinates
//
// Boxes are continuous x1, y1, x2, y2 in pixels of the image after applying the EXIF orientation. coco has x, y, width, height; yolo has centre and size
// as fractions of the image; labelstudio has x, y, width, height in percent. voc has the devkit's one-based inclusive whole pixels, so its boxes are rounded.
// yolo has no scores, because trainers refuse a sixth column. voc has them in <confidence>, which its readers skip.
//
// `make formats-check` reads the golden files with pycocotools, supervision and label-studio-sdk (testdata/read.py).
package results
