package zoo

// mmdetection has the Faster R-CNNs of mmdetection's configs/faster_rcnn/metafile.yml with a ResNet and a pyramid. The eight hexadecimal digits at the end of
// a file's name begin its SHA-256 (tools/model_converters/publish_model.py). Sizes are those of the parameters in float32.
func mmdetection() []Model {
	const folder = "https://download.openmmlab.com/mmdetection/v2.0/faster_rcnn/"
	model := func(name, family, version, sum string, ap, mebibytes float64) Model {
		return Model{
			Name: name, Family: "mmdetection faster_rcnn_" + family, Source: "mmdetection", Licence: "code Apache-2.0, weights see publisher",
			AP: ap, Bytes: int64(mebibytes * (1 << 20)), URL: folder + name + "/" + name + "_" + version + "-" + sum + ".pth", Sum: sum,
		}
	}
	return []Model{
		model("faster_rcnn_r50_fpn_1x_coco", "r_fpn", "20200130", "047c8118", 37.4, 159),
		model("faster_rcnn_r50_fpn_2x_coco", "r_fpn", "bbox_mAP-0.384_20200504_210434", "a5d8aa15", 38.4, 159),
		model("faster_rcnn_r50_fpn_mstrain_3x_coco", "r_fpn", "20210524_110822", "e10bd31c", 40.3, 159),
		model("faster_rcnn_r50_caffe_fpn_1x_coco", "r_caffe_fpn", "bbox_mAP-0.378_20200504_180032", "c5925ee5", 37.8, 159),
		model("faster_rcnn_r50_caffe_fpn_mstrain_2x_coco", "r_caffe_fpn", "bbox_mAP-0.397_20200504_231813", "10b2de58", 39.7, 159),
		model("faster_rcnn_r50_caffe_fpn_mstrain_3x_coco", "r_caffe_fpn", "20210526_095054", "1f77628b", 39.9, 159),
		model("faster_rcnn_r101_fpn_1x_coco", "r_fpn", "20200130", "f513f705", 39.4, 232),
		model("faster_rcnn_r101_fpn_2x_coco", "r_fpn", "bbox_mAP-0.398_20200504_210455", "1d2dac9c", 39.8, 232),
		model("faster_rcnn_r101_fpn_mstrain_3x_coco", "r_fpn", "20210524_110822", "4d4d2ca8", 41.8, 232),
		model("faster_rcnn_r101_caffe_fpn_1x_coco", "r_caffe_fpn", "bbox_mAP-0.398_20200504_180057", "b269e9dd", 39.8, 232),
		model("faster_rcnn_r101_caffe_fpn_mstrain_3x_coco", "r_caffe_fpn", "20210526_095742", "a7ae426d", 42.0, 232),
	}
}
