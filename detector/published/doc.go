// Package published converts Faster R-CNN checkpoints that other projects have published to models of package detector, and back.
//
//	convert.go      a state dict -> a model: recognises the family, renames, checks that nothing is left
//	torchvision.go  torchvision's fasterrcnn_resnet50_fpn, _v2, mobilenet_v3_large_fpn and _320_fpn
//	export.go       a model -> a state dict for torchvision
//	detectron2.go   detectron2's R50 and R101 with C4, DC5 and FPN, X101 with FPN
//	mmdetection.go  mmdetection's r50_fpn and r101_fpn, pytorch and caffe style
//	jwyang.go       jwyang/faster-rcnn.pytorch's res50, res101 and res152
//	layout.go       changes of values: epsilons of BatchNorm, order of the first fully connected layer
//	coco.go         class names of COCO and Pascal VOC
//
// A converted model computes what the original computes: the same resized image, anchors, proposals and detections, up to rounding.
package published
