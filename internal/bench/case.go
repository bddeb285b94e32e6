package bench

import (
	"fmt"
	"slices"
	"strings"

	"scalenet/engine"
	"scalenet/train"
)

// Case is one benchmark with its baselines and targets.
type Case struct {
	Name  string
	About string
	// Features is the type of activations in ScaleNet.
	Features engine.DType
	Peers    []Peer
	Goals    []Goal
	// start prepares the case in ScaleNet on a device.
	start func(engine.Device) (*subject, error)
}

// subject is the code to time.
type subject struct {
	run   func() error
	close func()
	plan  *engine.Plan // of a case that is one plan, or nil
}

// Peer is a baseline for the same case.
type Peer struct {
	Name     string       // as in Goal
	Args     []string     // script and arguments; empty for another case of ScaleNet
	Case     string       // the other case of ScaleNet
	Features engine.DType // of the other case
}

// Goal is a target for ScaleNet.
type Goal struct {
	Peer     string  // baseline whose best time, or memory, is the reference; "" for none
	Ratio    float64 // maximum of ScaleNet / baseline
	Memory   bool    // the ratio is that of resident memory instead of time
	AtMostMs float64 // maximum time in ms, if Peer is ""
}

// Cases returns all CPU cases, in order.
func Cases() []Case {
	var list []Case
	for _, network := range []string{"scalenet50", "resnet50"} {
		for _, size := range []imageSize{{224, 224}, {608, 1024}} {
			for _, typ := range []engine.DType{engine.Float32, engine.BFloat16} {
				list = append(list, classifierCase(network, 1, size, typ))
			}
		}
	}
	for _, network := range []string{"scalenet50", "resnet50"} {
		list = append(list, int8Case(network, imageSize{224, 224}), int8Case(network, imageSize{608, 1024}))
	}
	for _, network := range []string{"resnext50", "seresnet50", "densenet121", "xception"} {
		list = append(list, classifierCase(network, 1, imageSize{224, 224}, engine.Float32))
	}
	return append(list,
		classifierTrainingCase("scalenet50", 8, 224, 1000, train.Float32, Goal{Peer: "PyTorch", Ratio: 0.9}),
		classifierTrainingCase("scalenet50", 8, 224, 1000, train.BFloat16),
		classifierTrainingCase("cifar_scalenet38", 64, 32, 100, train.Float32, Goal{Peer: "PyTorch", Ratio: 0.85}),
		classifierTrainingCase("cifar_scalenet38", 64, 32, 100, train.BFloat16),
		classifierTrainingCase("resnext50", 8, 224, 1000, train.Float32), classifierTrainingCase("xception", 8, 224, 1000, train.Float32),
		detectorCase(engine.Float32), detectorCase(engine.BFloat16), detectorTrainingCase(train.Float32), detectorTrainingCase(train.BFloat16),
		pyramidCase("resnet50", engine.Float32), pyramidCase("resnet50", engine.BFloat16),
		pyramidCase("scalenet50", engine.Float32), pyramidCase("scalenet50", engine.BFloat16),
		pyramidCase("mobilenet_v3_large", engine.Float32), pyramidCase("mobilenet_v3_large", engine.BFloat16),
		pyramidCase("resnet50", int8), pyramidCase("scalenet50", int8), pyramidCase("mobilenet_v3_large", int8),
		pyramidTrainingCase("resnet50", train.Float32), pyramidTrainingCase("resnet50", train.BFloat16),
		pyramidTrainingCase("scalenet50", train.Float32), pyramidTrainingCase("scalenet50", train.BFloat16),
		roiAlignCase(), nmsCase())
}

// GPUCases returns the cases for a GPU. The baseline is PyTorch with cuDNN, channels-last, on the same GPU, except for what PyTorch lacks.
func GPUCases() []Case {
	var list []Case
	for _, network := range []string{"scalenet50", "resnet50"} {
		for _, batch := range []int{1, 8} {
			for _, typ := range []engine.DType{engine.Float32, engine.BFloat16, engine.Float16} {
				list = append(list, classifierCase(network, batch, imageSize{224, 224}, typ))
			}
		}
	}
	list = append(list, classifierCase("scalenet50", 1, imageSize{608, 1024}, engine.Float16), detectorCase(engine.Float32), detectorCase(engine.Float16))
	for _, precision := range []train.Precision{train.Float32, train.BFloat16, train.Float16} {
		list = append(list, classifierTrainingCase("scalenet50", 8, 224, 1000, precision), detectorTrainingCase(precision))
	}
	for i := range list {
		list[i].Peers = slices.DeleteFunc(list[i].Peers, func(p Peer) bool { return p.Name != "PyTorch" })
		list[i].Goals = []Goal{{Peer: "PyTorch", Ratio: 1.2}}
	}
	return append(list, choiceCase())
}

// Select returns CPU cases by name. A name that ends in a star selects all cases with
// that prefix. Without names it returns all cases.
func Select(names []string) ([]Case, error) { return selectFrom(Cases(), names) }

// SelectGPU is Select for GPU cases.
func SelectGPU(names []string) ([]Case, error) { return selectFrom(GPUCases(), names) }

func selectFrom(all []Case, names []string) ([]Case, error) {
	if len(names) == 0 {
		return all, nil
	}
	var list []Case
	for _, name := range names {
		found := false
		for _, c := range all {
			prefix, isPrefix := strings.CutSuffix(name, "*")
			if c.Name != name && !(isPrefix && strings.HasPrefix(c.Name, prefix)) {
				continue
			}
			found = true
			if !slices.ContainsFunc(list, func(d Case) bool { return d.Name == c.Name }) {
				list = append(list, c)
			}
		}
		if !found {
			return nil, fmt.Errorf("no case is named %q; there are %s", name, strings.Join(caseNames(all), ", "))
		}
	}
	return list, nil
}

func caseNames(list []Case) []string {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.Name
	}
	return names
}

type imageSize struct{ height, width int }

func (s imageSize) String() string {
	if s.height == s.width {
		return fmt.Sprint(s.height)
	}
	return fmt.Sprintf("%dx%d", s.height, s.width)
}

// pyTorch returns the PyTorch baseline of a script.
func pyTorch(script string, args ...string) Peer {
	return Peer{Name: "PyTorch", Args: append([]string{script, "--engine", "torch"}, args...)}
}

// openVINO returns the OpenVINO baseline of a script.
func openVINO(script string, args ...string) Peer {
	return Peer{Name: "OpenVINO", Args: append([]string{script, "--engine", "openvino"}, args...)}
}

// onnxRuntime returns the ONNX Runtime baseline of a script. On the CPU it has no bfloat16.
func onnxRuntime(script string, args ...string) Peer {
	return Peer{Name: "ONNX Runtime", Args: append([]string{script, "--engine", "onnxruntime"}, args...)}
}
