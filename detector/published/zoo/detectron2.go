package zoo

import (
	"strings"

	"scalenet/internal/download"
)

// detectron2 has the Faster R-CNNs of detectron2's MODEL_ZOO.md for COCO. The six hexadecimal digits in a file's name begin its MD5, as that page says.
// Sizes are those of the parameters in float32.
func detectron2() []Model {
	const folder = "https://dl.fbaipublicfiles.com/detectron2/COCO-Detection/"
	model := func(name, family, id, sum string, ap, mebibytes float64) Model {
		return Model{
			Name: strings.ToLower(name), Family: "detectron2 faster_rcnn_" + family, Source: "detectron2", Licence: "CC BY-SA 3.0",
			AP: ap, Bytes: int64(mebibytes * (1 << 20)), URL: folder + name + "/" + id + "/model_final_" + sum + ".pkl", Sum: download.MD5 + sum,
		}
	}
	return []Model{
		model("faster_rcnn_R_50_C4_1x", "R_C4", "137257644", "721ade", 35.7, 129),
		model("faster_rcnn_R_50_C4_3x", "R_C4", "137849393", "f97cb7", 38.4, 129),
		model("faster_rcnn_R_50_DC5_1x", "R_DC5", "137847829", "51d356", 37.3, 632),
		model("faster_rcnn_R_50_DC5_3x", "R_DC5", "137849425", "68d202", 39.0, 632),
		model("faster_rcnn_R_50_FPN_1x", "R_FPN", "137257794", "b275ba", 37.9, 159),
		model("faster_rcnn_R_50_FPN_3x", "R_FPN", "137849458", "280758", 40.2, 159),
		model("faster_rcnn_R_101_C4_3x", "R_C4", "138204752", "298dad", 41.1, 202),
		model("faster_rcnn_R_101_DC5_3x", "R_DC5", "138204841", "3e0943", 40.6, 705),
		model("faster_rcnn_R_101_FPN_3x", "R_FPN", "137851257", "f6e8b1", 42.0, 232),
		model("faster_rcnn_X_101_32x8d_FPN_3x", "X_FPN", "139173657", "68b088", 43.0, 401),
	}
}
