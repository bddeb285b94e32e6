package main

// detectedImage is what `detect --json` prints for an image or frame.
type detectedImage struct {
	File       string           `json:"file"`
	Frame      *int             `json:"frame"`
	Time       *float64         `json:"time"`
	Width      int              `json:"width"`
	Height     int              `json:"height"`
	Detections []detectedObject `json:"detections"`
}

type detectedObject struct {
	ClassID int32      `json:"class_id"`
	Label   string     `json:"label"`
	Score   float32    `json:"score"`
	Box     [4]float32 `json:"box"` // x1, y1, x2, y2
}
