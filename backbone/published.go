package backbone

import "strings"

// Published holds published values of a network; docs/defaults.md has the sources. Unpublished values are 0.
type Published struct {
	// Data is the dataset of the network. MACs are for an input of Side x Side pixels.
	Data    string `json:"data"`
	Side    int    `json:"side"`
	Classes int    `json:"classes"`
	// Params in millions, MACs in billions.
	Params float64 `json:"params_millions,omitempty"`
	MACs   float64 `json:"macs_billions,omitempty"`
	// Top1 and Top5 are the errors in the paper, in percent, on centre crops.
	Top1 float64 `json:"top1_error,omitempty"`
	Top5 float64 `json:"top5_error,omitempty"`
}

type figures struct{ params, macs, top1, top5 float64 }

var publishedFigures = map[string]figures{
	"scalenet50":         {0, 3.8, 22.20, 6.04},
	"scalenet50_light":   {0, 2.9, 23.04, 0},
	"scalenet101":        {0, 7.5, 20.97, 5.58},
	"scalenet152":        {0, 11.2, 20.62, 5.34},
	"resnet50":           {25.557032, 4.1, 24.02, 7.13},
	"resnet101":          {44.549160, 7.8, 22.09, 6.03},
	"resnet152":          {60.192808, 11.5, 21.58, 5.75},
	"seresnet50":         {28.1, 3.87, 0, 0},
	"seresnet101":        {49.3, 7.60, 0, 0},
	"seresnet152":        {66.8, 11.32, 0, 0},
	"resnext50":          {25.028904, 4.23, 0, 0},
	"resnext101":         {44.2, 8.0, 0, 0},
	"resnext101_32x8d":   {88.791336, 16.414, 0, 0},
	"densenet121":        {7.978856, 2.834, 0, 0},
	"densenet169":        {14.149480, 3.36, 0, 0},
	"densenet201":        {20.013928, 4.291, 0, 0},
	"xception":           {22.855952, 8.4, 0, 0},
	"mobilenet_v3_large": {5.483032, 0.217, 0, 0},
	"cifar_resnet38":     {0, 0, 26.88, 0},
	"cifar_resnet56":     {0, 0, 26.19, 0},
	"cifar_resnet101":    {0, 0, 24.54, 0},
	"cifar_scalenet38":   {0, 0, 24.60, 0},
	"cifar_scalenet56":   {0, 0, 23.83, 0},
	"cifar_scalenet101":  {0, 0, 22.77, 0},
}

// PublishedOf returns the published values of a network in [Names].
func PublishedOf(name string) Published {
	p := Published{Data: "ImageNet", Side: 224, Classes: 1000}
	switch {
	case strings.HasPrefix(name, "cifar_"):
		p.Data, p.Side, p.Classes = "CIFAR-100", 32, 100
	case name == "xception":
		p.Side = 299
	}
	f := publishedFigures[name]
	p.Params, p.MACs, p.Top1, p.Top5 = f.params, f.macs, f.top1, f.top5
	return p
}
