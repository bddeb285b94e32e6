package detector

import (
	"fmt"

	"scalenet/geom"
	"scalenet/imaging"
	"scalenet/roi"
	"scalenet/rpn"
)

// Settings are what may differ between images that one model looks at.
type Settings struct {
	// Shorter is what an image's shorter side is resized to, in pixels; Longest
	// is what its longer side has at most.
	Shorter, Longest int
	// Proposals says how many of the RPN's proposals the box head scores.
	Proposals rpn.Counts
	// Detections says which of the scored boxes are detections.
	Detections roi.DetectionConfig
}

// Settings are the model's own.
func (m *Model) Settings() Settings {
	c := m.Config
	return Settings{c.Input.TestShorter, c.Input.TestLongest, c.RPN.Proposals.Test, c.RoI.Detections}
}

// SetSize sets the size of the image. The sizes of the published protocols
// come with their number of proposals; other sizes leave it as it is.
func (s *Settings) SetSize(shorter, longest int) {
	s.Shorter, s.Longest = shorter, longest
	if n, ok := publishedProposals(shorter, longest); ok {
		s.Proposals.AfterNMS = n
	}
}

// Protocol is an input size of the published evaluations, with its number of proposals.
type Protocol struct{ Shorter, Longest, Proposals int }

// Protocols are 600/1000 with 300 proposals and 800/1200 with 1,000.
func Protocols() []Protocol { return []Protocol{{600, 1000, 300}, {800, 1200, 1000}} }

// String is the name of the protocol, such as 600/1000.
func (p Protocol) String() string { return fmt.Sprintf("%d/%d", p.Shorter, p.Longest) }

// publishedProposals is the number of proposals of the protocol of an input size.
func publishedProposals(shorter, longest int) (n int, ok bool) {
	for _, p := range Protocols() {
		if p.Shorter == shorter && p.Longest == longest {
			return p.Proposals, true
		}
	}
	return 0, false
}

// resized is the size of an image of the given size in the network.
func (s Settings) resized(original geom.Size) geom.Size {
	w, h := imaging.Fit(original.W, original.H, s.Shorter, s.Longest)
	return geom.Size{W: w, H: h}
}

// Query is an image and how to look at it.
type Query struct {
	Image    *imaging.Image
	Settings Settings
}

// PaddedSize is the size at which an image goes through the network. Images
// of the same one can go through it together.
func (m *Model) PaddedSize(original geom.Size, s Settings) geom.Size {
	r := s.resized(original)
	return geom.Size{W: m.PadTo(r.W), H: m.PadTo(r.H)}
}
