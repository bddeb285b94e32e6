package threshold

// Chosen are the thresholds of the classes of a model. Its JSON is stored in model files.
type Chosen struct {
	Rule      string  `json:"rule"` // as ParseRule reads it
	Images    int     `json:"images"`
	Resamples int     `json:"resamples"`
	Classes   []Class `json:"classes"` // in the order of the data set
	All       Class   `json:"all"`     // one threshold for all classes together, to compare with
}

// Class is the choice for one class.
type Class struct {
	Name    string `json:"name"`
	Objects int    `json:"objects"` // that are not ignored
	// Point is the chosen operating point. It is nil if no threshold fulfils the rule; Reason says why.
	Point  *Point `json:"point,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Fulfilled is the number of resamples in which a threshold fulfils the rule. The interval of the threshold is from these.
	Fulfilled int `json:"fulfilled"`
}

// Point is an operating point, at IoU 0.5. The intervals of precision, recall and F1 are those at the chosen threshold.
type Point struct {
	Threshold Estimate `json:"threshold"` // the lowest score that is kept
	Precision Estimate `json:"precision"`
	Recall    Estimate `json:"recall"`
	F1        Estimate `json:"f1"`
}

// Estimate is a value with its 95 % bootstrap confidence interval, from resampling images.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Count returns the number of classes with a threshold.
func (c *Chosen) Count() (n int) {
	for i := range c.Classes {
		if c.Classes[i].Point != nil {
			n++
		}
	}
	return n
}
