// Package zoo lists the published detectors that `scalenet pull` downloads and converts.
package zoo

import (
	"path"
	"slices"
)

// Model is a published checkpoint.
type Model struct {
	Name    string  // of the model, and of its file here
	Family  string  // of package published; "" means that the tensors' names decide
	Source  string  // the project that published it
	Licence string  // as far as the project states one
	AP      float64 // COCO box AP on val2017 in percent, as published
	Bytes   int64   // approximate size of the published file
	URL     string  // the publisher's
	Sum     string  // of the file, see download.Request: the first digits, as the publisher gives them; "" if unknown
}

// File returns the name of the published file.
func (m Model) File() string { return path.Base(m.URL) }

// Models returns all models. To add one, add it here, and its family to package published.
func Models() []Model { return slices.Concat(torchvision(), detectron2(), mmdetection()) }

// torchvision has the detectors of torchvision.models.detection. The eight hexadecimal digits in a file's name begin its SHA-256.
func torchvision() []Model {
	const folder = "https://download.pytorch.org/models/"
	model := func(name, file, sum string, ap, mebibytes float64) Model {
		return Model{
			Name: name, Family: "torchvision " + name, Source: "torchvision", Licence: "code BSD-3-Clause, weights see publisher",
			AP: ap, Bytes: int64(mebibytes * (1 << 20)), URL: folder + file + "-" + sum + ".pth", Sum: sum,
		}
	}
	return []Model{
		model("fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_coco", "258fb6c6", 37.0, 159.743),
		model("fasterrcnn_resnet50_fpn_v2", "fasterrcnn_resnet50_fpn_v2_coco", "dd69338a", 46.7, 167.104),
		model("fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_mobilenet_v3_large_fpn", "fb6a3cc7", 32.8, 74.239),
		model("fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn", "907ea3f9", 22.8, 74.239),
	}
}
