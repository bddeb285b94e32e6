package detector

import (
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

// publishedProposals is the number of proposals of the published protocols: 300
// at 600/1000 and 1,000 at 800/1200.
func publishedProposals(shorter, longest int) (n int, ok bool) {
	switch [2]int{shorter, longest} {
	case [2]int{600, 1000}:
		return 300, true
	case [2]int{800, 1200}:
		return 1000, true
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
