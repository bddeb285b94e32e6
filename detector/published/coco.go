package published

import "fmt"

// cocoNames are the names of COCO's categories by id, from 1 to 90. Ten ids have no category; the outputs of torchvision's detectors for them are unused.
func cocoNames() []string {
	return []string{
		"person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light", "fire hydrant", "", "stop sign",
		"parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "", "backpack", "umbrella", "", "",
		"handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
		"tennis racket", "bottle", "", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot",
		"hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "", "dining table", "", "", "toilet", "", "tv", "laptop", "mouse",
		"remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "", "book", "clock", "vase", "scissors", "teddy bear",
		"hair drier", "toothbrush",
	}
}

// vocNames are the classes of Pascal VOC in their order.
func vocNames() []string {
	return []string{
		"aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse", "motorbike", "person",
		"pottedplant", "sheep", "sofa", "train", "tvmonitor",
	}
}

// classNames returns names for n classes: COCO's with ids as classes (90), COCO's in order (80), or numbered ones.
func classNames(n int) (names []string) {
	for id, name := range cocoNames() {
		switch {
		case name != "":
			names = append(names, name)
		case n == 90:
			names = append(names, fmt.Sprintf("unused %d", id+1))
		}
	}
	if len(names) == n {
		return names
	}
	names = nil
	for i := range n {
		names = append(names, fmt.Sprintf("class %d", i+1))
	}
	return names
}
