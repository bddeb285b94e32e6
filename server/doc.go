// Package server serves detectors over HTTP.
//
// A request passes through these files in this order:
//
//	middleware.go   request id, log, allowed hosts, API key, rate limit
//	origin.go       CORS
//	body.go         reads the body, within the size and memory limits
//	form.go         multipart, JSON or plain image: images and parameters
//	query.go        detection parameters: threshold, classes, size, ...
//	detect.go       queue, decoding, inference
//	response.go     response: JSON, COCO JSON, or the image with boxes
//	errors.go       error responses
//
// Compatible APIs: deepstack.go is that of DeepStack and CodeProject.AI,
// inference_protocol.go and inference_request.go are the Open Inference Protocol,
// labelstudio.go and labelstudio_images.go that of Label Studio's ML backends.
// openapi.yaml describes all endpoints.
//
// Package schedule has the queue, package models loads and reloads detectors. [New]
// starts only the worker of the queue. [Server.Run] listens, drains and closes.
package server
