package published

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"scalenet/backbone"
	"scalenet/checkpoint"
	"scalenet/detector"
	"scalenet/internal/config"
	"scalenet/nn"
)

// ToTorchvision returns the state dict that torchvision's builder of the model's family loads, and notes for the user: which builder, and all settings
// that its model does not have by default. A backbone that torchvision does not have is an error. Quantized weights of the model become float32.
func ToTorchvision(m *detector.Model) (*checkpoint.File, []string, error) {
	c := m.Config
	mobile := c.Backbone.Name == "mobilenet_v3_large"
	resnets := []string{"resnet50", "resnet101", "resnet152"}
	switch {
	case !mobile && !slices.Contains(resnets, c.Backbone.Name):
		return nil, nil, fmt.Errorf("backbone.name %q: torchvision's detectors have %s or mobilenet_v3_large", c.Backbone.Name, strings.Join(resnets, ", "))
	case c.Neck == nil || c.RoI.BoxHead == nil:
		return nil, nil, fmt.Errorf("the model has no neck: torchvision's detectors have a feature pyramid")
	}
	if err := ownBackbone(c.Backbone); err != nil {
		return nil, nil, err
	}
	m.Params.Dequantize()
	t := tensors{}
	for _, x := range m.Tensors() {
		t[x.Name] = x
	}
	if err := t.toChannelsFirst("roi_heads.box_head.fc1.weight", c.RoI.Align.Size); err != nil {
		return nil, nil, err
	}
	if err := t.setEps(modelEps(mobile), func(string) float64 { return nn.NormEps }); err != nil {
		return nil, nil, err
	}
	out := &checkpoint.File{}
	for _, x := range m.Tensors() {
		x = t[x.Name]
		x.Name = torchvisionName(x.Name, c, mobile)
		out.Tensors = append(out.Tensors, x)
	}
	return out, buildNotes(out, m), nil
}

// ownBackbone returns an error if a backbone is not torchvision's of that name. The same tensors, such as those of a ResNet with its strides elsewhere, would
// then be those of another network.
func ownBackbone(c backbone.Config) error {
	own, err := backbone.Config{Name: c.Name}.Resolve()
	if err != nil {
		return err
	}
	if list := config.Differences(own, c); len(list) > 0 {
		return fmt.Errorf("backbone.%s = %s: torchvision's %s is another network", list[0].Key, list[0].After, c.Name)
	}
	return nil
}

// modelEps returns the epsilon of a model's norm by name.
func modelEps(mobile bool) func(norm string) float64 {
	return func(norm string) float64 {
		if mobile && strings.HasPrefix(norm, "features.") {
			return backbone.MobileNetEps
		}
		return nn.NormEps
	}
}

// boxConv matches a convolution of the box head or its norm.
var boxConv = regexp.MustCompile(`^roi_heads\.box_head\.conv(\d+)\.(norm\.)?`)

// torchvisionName is the reverse of the renaming in fromTorchvision.
func torchvisionName(name string, c detector.Config, mobile bool) string {
	head := *c.RoI.BoxHead
	switch {
	case strings.HasPrefix(name, "fpn."):
		return "backbone." + name
	case strings.HasPrefix(name, "rpn.head.conv."):
		return strings.Replace(name, "rpn.head.conv.", "rpn.head.conv.0.0.", 1)
	case strings.HasPrefix(name, "rpn.head.conv"):
		var i int
		var what string
		fmt.Sscanf(strings.Replace(name, ".", " ", -1), "rpn head conv%d %s", &i, &what)
		return fmt.Sprintf("rpn.head.conv.%d.0.%s", i-1, what)
	case strings.HasPrefix(name, "rpn.") || strings.HasPrefix(name, "roi_heads.box_predictor."):
		return name
	case boxConv.MatchString(name):
		found := boxConv.FindStringSubmatch(name)
		var i int
		fmt.Sscan(found[1], &i)
		layer := 0
		if found[2] != "" {
			layer = 1
		}
		return fmt.Sprintf("roi_heads.box_head.%d.%d.%s", i-1, layer, name[len(found[0]):])
	case strings.HasPrefix(name, "roi_heads.box_head.fc") && head.Convs > 0:
		return strings.Replace(name, "fc1", fmt.Sprint(head.Convs+1), 1)
	case strings.HasPrefix(name, "roi_heads.box_head.fc"):
		return strings.Replace(strings.Replace(name, "fc1", "fc6", 1), "fc2", "fc7", 1)
	case mobile:
		return "backbone.body." + strings.TrimPrefix(name, "features.")
	}
	return "backbone.body." + name
}

// buildNotes says how torchvision's model must be built: its family, and all settings that differ from the family's, except batch, schedule
// and frozen parameters.
func buildNotes(f *checkpoint.File, m *detector.Model) (notes []string) {
	file := ""
	if m.Config.Input.TestShorter == 320 {
		file = "320" // the smaller of the two mobilenet models
	}
	back, err := Convert(f, file, "", Options{Classes: m.Classes})
	if err != nil {
		return []string{"not one of torchvision's own builders: " + err.Error()}
	}
	notes = append(notes, builder(strings.TrimPrefix(back.Family, "torchvision "), m.Config.Backbone.Name, len(m.Classes)+1))
	for _, d := range config.Differences(back.Model.Config, m.Config, "train", "frozen", "batch") {
		notes = append(notes, fmt.Sprintf("%s = %s: the builder's default is %s", d.Key, d.After, d.Before))
	}
	return notes
}

// builder says which of torchvision's functions builds the model: its families have ResNet-50, others are given as a backbone.
func builder(family, network string, classes int) string {
	text := fmt.Sprintf("load_state_dict of %s with num_classes=%d", family, classes)
	if strings.Contains(family, "resnet50") && network != "resnet50" {
		if network == "resnext50" {
			network = "resnext50_32x4d" // as torchvision calls it
		}
		text += fmt.Sprintf(", around resnet_fpn_backbone(backbone_name=%q, weights=None)", network)
	}
	return text
}
