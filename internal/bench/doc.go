// Package bench benchmarks ScaleNet against baseline frameworks ("peers"): PyTorch
// (channels-last, with tuned glibc malloc), ONNX Runtime and OpenVINO.
//
//	case.go      the cases: baselines and targets
//	network.go   classification networks: inference and training step
//	detector.go  Faster R-CNN: inference and training step
//	operator.go  RoIAlign and NMS
//	round.go     timing, and the protocol between processes
//	compare.go   runs the frameworks in turn and reports
//	peers/       scripts of the baselines; setup.sh installs them
//
// # How a comparison is made
//
// Every framework ("contestant"), including ScaleNet, runs in its own process. The
// process loads the model, warms up and then writes a line of JSON. In each round,
// every process in turn makes a series of runs, requested by a line on its standard
// input, while the others sleep. Best and median of all rounds are reported. A machine
// that slows down for a while thus affects all frameworks. Compare the ratio of the
// best times, and repeat the comparison.
//
// # Caveats
//
// Resident memory is that of the process after its runs. Python itself takes about 30
// MB of it. Weights are random, because times of networks do not depend on them. The
// proposals of a detector do. Each framework has its own proposals, but the same number.
package bench
