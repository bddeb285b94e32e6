// Package bench times this program side by side with its peers: PyTorch
// (channels-last, glibc's malloc tuned), ONNX Runtime and OpenVINO.
//
//	case.go      the cases: what is compared with whom, and the goals
//	network.go   classification networks: inference and training step
//	detector.go  Faster R-CNN: inference and training step
//	operator.go  RoIAlign and NMS
//	round.go     timing, and the protocol between processes
//	compare.go   contestants in turn, and the report
//	peers/       the peers' scripts, setup.sh to install them
//
// # How a comparison is made
//
// Every contestant, ours too, is a process of its own that loads, warms up and
// says so in a line of JSON. Then, round after round, each in turn is asked for
// a series of runs by a line on its standard input while the others sleep. The
// best and the median of all rounds are reported. So a machine that slows down
// for a while slows all of them down; what is left is read from the ratio of
// the best figures, and from repeating a comparison.
//
// # Caveats
//
// Resident memory is what the process has after its runs, whatever it loaded:
// Python itself is about 30 MB of a peer's. Weights are random: times of
// networks do not depend on them. A detector's proposals do, so peers and ours
// have their own, but equally many.
package bench
