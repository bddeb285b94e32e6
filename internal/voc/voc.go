// Package voc has the XML of Pascal VOC annotations, as it is written.
package voc

import "encoding/xml"

// Annotation is a file of annotations.
type Annotation struct {
	XMLName   xml.Name `xml:"annotation"`
	Folder    string   `xml:"folder,omitempty"`
	FileName  string   `xml:"filename"`
	Width     int      `xml:"size>width"`
	Height    int      `xml:"size>height"`
	Depth     int      `xml:"size>depth"`
	Segmented int      `xml:"segmented"`
	Objects   []Object `xml:"object"`
}

// Object is an object of an image. Pixels are counted from 1; all four of the box belong to it.
type Object struct {
	Name       string `xml:"name"`
	Pose       string `xml:"pose"`
	Truncated  int    `xml:"truncated"`
	Difficult  int    `xml:"difficult"`
	Crowd      int    `xml:"iscrowd,omitempty"`    // ours
	Confidence string `xml:"confidence,omitempty"` // of a detection
	XMin       string `xml:"bndbox>xmin"`
	YMin       string `xml:"bndbox>ymin"`
	XMax       string `xml:"bndbox>xmax"`
	YMax       string `xml:"bndbox>ymax"`
}

// Unspecified is the pose of an object of which it is not known.
const Unspecified = "Unspecified"

// Encode returns the text of a file.
func (a *Annotation) Encode() ([]byte, error) {
	text, err := xml.MarshalIndent(a, "", "\t")
	return append(text, '\n'), err
}
