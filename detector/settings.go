package detector

import (
	"fmt"
	"slices"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
	"scalenet/rpn"
)

// Settings are the inference settings that may differ per image.
type Settings struct {
	// Shorter is the length in pixels that the shorter side is resized to (torchvision's min_size). Longest is the maximum length of the longer
	// side (max_size), which limits the resizing.
	Shorter, Longest int
	// Proposals is the number of the RPN's proposals before and after NMS.
	Proposals rpn.Counts
	// Detections configures the post-processing: score threshold, NMS, top k.
	Detections roi.DetectionConfig
	// TTA is test-time augmentation; the zero value is none.
	TTA TTA
}

// Settings returns the model's own settings, from its configuration.
func (m *Model) Settings() Settings {
	c := m.Config
	return Settings{Shorter: c.Input.TestShorter, Longest: c.Input.TestLongest, Proposals: c.RPN.Proposals.Test, Detections: c.RoI.Detections}
}

// SetSize sets Shorter and Longest. As with Config.WithTestSize, the sizes of the published [Protocols] also set the number of proposals after NMS.
func (s *Settings) SetSize(shorter, longest int) {
	s.Shorter, s.Longest = shorter, longest
	if n, ok := publishedProposals(shorter, longest); ok {
		s.Proposals.AfterNMS = n
	}
}

// Protocol is an input size of the published evaluations, with its number of proposals.
type Protocol struct{ Shorter, Longest, Proposals int }

// Protocols returns 600/1000 with 300 proposals and 800/1200 with 1,000.
func Protocols() []Protocol { return []Protocol{{600, 1000, 300}, {800, 1200, 1000}} }

// String returns the name of the protocol, such as 600/1000.
func (p Protocol) String() string { return fmt.Sprintf("%d/%d", p.Shorter, p.Longest) }

// publishedProposals returns the number of proposals of the protocol with the given input size.
func publishedProposals(shorter, longest int) (n int, ok bool) {
	for _, p := range Protocols() {
		if p.Shorter == shorter && p.Longest == longest {
			return p.Proposals, true
		}
	}
	return 0, false
}

// resized returns the size of the model input, without padding, for an image of the given size.
func (m *Model) resized(original geom.Size, s Settings) geom.Size {
	w, h := m.Config.Input.Rounding.Fit(original.W, original.H, s.Shorter, s.Longest)
	return geom.Size{W: w, H: h}
}

// Query is an image to detect objects in, and its settings.
type Query struct {
	Image    *imaging.Image
	Settings Settings
	// Original is the size of the image that Image is a reduced copy of, see [Model.Needed]. Boxes are in its pixels. Zero is the size of Image.
	Original geom.Size
}

// check returns an error for an image that cannot be detected in.
func (q Query) check() error {
	if err := q.Image.Check(); err != nil {
		return err
	}
	if s := q.Original; s != (geom.Size{}) && (s.W < 1 || s.H < 1) {
		return fmt.Errorf("the original size is %dx%d: sides must be at least 1", s.W, s.H)
	}
	return nil
}

// Size returns the size of the whole image.
func (q Query) Size() geom.Size {
	if q.Original == (geom.Size{}) {
		return geom.Size{W: q.Image.W, H: q.Image.H}
	}
	return q.Original
}

// Needed returns the size at which images enter the network, for [imaging.DecodeReduced]: of the largest view, if the settings have several; nil if the
// kind of resize takes whole images only.
func (m *Model) Needed(s Settings) imaging.Needed {
	if !m.Config.Input.Resize.TakesReduced() {
		return nil
	}
	if len(s.TTA.Scales) > 0 {
		largest := slices.Max(s.TTA.Scales)
		s.Shorter, s.Longest = scaled(s.Shorter, largest), scaled(s.Longest, largest)
	}
	return func(original geom.Size) geom.Size { return m.resized(original, s) }
}

// PaddedSize returns the size of the model input, padding included, for an image of the given size. Images of the same padded size can share
// a batch.
func (m *Model) PaddedSize(original geom.Size, s Settings) geom.Size {
	r := m.resized(original, s)
	return geom.Size{W: m.PadTo(r.W), H: m.PadTo(r.H)}
}
