// Package server offers detectors over HTTP, with gin.
//
// A request goes through these files in this order:
//
//	middleware.go   identity, log, allowed hosts, key, rate
//	body.go         the whole body, within the limits and the memory for bodies
//	form.go         multipart, JSON or plain image: images and parameters
//	query.go        parameters of a model: threshold, classes, size, ...
//	detect.go       a place in the queue, decoding, the network
//	answer.go       JSON, COCO's JSON, or the annotated image
//	errors.go       what is answered when something fails
//
// Clients of other servers have their own forms and answers for the same work:
// deepstack.go that of DeepStack and CodeProject.AI, inference_protocol.go and
// inference_request.go the Open Inference Protocol. openapi.yaml describes all.
//
// Package schedule is the queue, package models the detectors and their reload.
// Nothing is started by [New] but the queue's worker; [Server.Run] listens,
// drains and closes.
package server
