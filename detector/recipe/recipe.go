package recipe

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"scalenet/detector"
	"scalenet/train"
)

// Recipe is a configuration with the reasons for its derived keys.
type Recipe struct {
	Config  detector.Config
	Choices []Choice

	isGiven  []string
	perImage time.Duration // of training, with a budget
}

// Choice is a derived key.
type Choice struct{ Key, Value, Reason string }

// Limits are what a training may use.
type Limits struct {
	// Bytes is the memory of the training in bytes; 0 is unknown.
	Bytes int64
	// Needs returns the memory in bytes of a training with a configuration.
	Needs func(detector.Config) (int64, error)
	// BFloat16 is nil if the device computes bfloat16 natively, else the reason why not.
	BFloat16 error
	// Budget is the time of the training; 0 is no limit.
	Budget time.Duration
	// Measure returns the time per image of the training with a configuration; it is
	// called only with a budget.
	Measure func(detector.Config) (time.Duration, error)
	// Validation is the number of images of an evaluation.
	Validation int
	// Trained is whether the training begins with the weights of a trained detector.
	Trained bool
}

// Derive returns the recipe for the data. base is a complete configuration, with the
// values of the given keys. Keys are paths such as "train.lr"; a key with children stands for all of them.
func Derive(base detector.Config, given []string, l Look, limits Limits) (*Recipe, error) {
	r := &Recipe{isGiven: given}
	if !r.given("train.schedule.kind") {
		base.Train.Schedule.Kind = cosine // a budget wants it
	}
	base, err := base.Resolve()
	if err != nil {
		return nil, err
	}
	r.Config = base
	r.precision(limits)
	r.norms(limits)
	r.size(l)
	if err := r.batch(l, limits); err != nil {
		return nil, err
	}
	if err := r.affordable(l, limits); err != nil {
		return nil, err
	}
	if err := r.anchors(l); err != nil { // for the final size
		return nil, err
	}
	r.proposals(l)
	if err := r.schedule(l, limits); err != nil {
		return nil, err
	}
	r.augmentation()
	r.Config, err = r.Config.Resolve()
	return r, err
}

// given reports whether the user gave the key, a key above it, or one below it.
func (r *Recipe) given(key string) bool {
	return slices.ContainsFunc(r.isGiven, func(g string) bool {
		return g == key || strings.HasPrefix(key, g+".") || strings.HasPrefix(g, key+".")
	})
}

// set changes a key that is not given, and notes the reason.
func set[V any](r *Recipe, key string, field *V, value V, reason string) {
	if r.given(key) {
		return
	}
	*field = value
	r.note(key, fmt.Sprint(value), reason)
}

func (r *Recipe) note(key, value, reason string) {
	r.Choices = append(r.Choices, Choice{key, value, reason})
}

// Print writes a table of the derived keys.
func (r *Recipe) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Choices {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", c.Key, c.Value, c.Reason)
	}
	return t.Flush()
}

// precision takes bfloat16 where the device computes it natively.
func (r *Recipe) precision(limits Limits) {
	if limits.BFloat16 == nil {
		set(r, "train.precision", &r.Config.Train.Precision, train.BFloat16, "the device computes bfloat16 natively: less time and memory at the same accuracy")
	}
}

// norms keeps the statistics of a trained detector.
func (r *Recipe) norms(limits Limits) {
	if limits.Trained {
		set(r, "frozen.norms", &r.Config.Frozen.Norms, true, "the statistics of the trained detector are better than those of a batch of few images")
	}
}

// proposals raises the numbers of proposals and detections for crowded images.
func (r *Recipe) proposals(l Look) {
	p, d := &r.Config.RPN.Proposals, &r.Config.RoI.Detections
	if need := roundUp(4*l.Crowded, 100); need > p.Test.AfterNMS {
		set(r, "rpn.proposals.test.after_nms", &p.Test.AfterNMS, min(need, 2000), fmt.Sprintf("four times the %d objects of the most crowded image", l.Crowded))
		r.atLeast("rpn.proposals.test.before_nms", &p.Test.BeforeNMS, p.Test.AfterNMS, "as many as after NMS")
		r.atLeast("rpn.proposals.train.after_nms", &p.Train.AfterNMS, p.Test.AfterNMS, "as many as in detection")
		r.atLeast("rpn.proposals.train.before_nms", &p.Train.BeforeNMS, p.Train.AfterNMS, "as many as after NMS")
	}
	if need := roundUp(l.Crowded*3/2, 100); need > d.PerImage {
		set(r, "roi.detections.per_image", &d.PerImage, need, fmt.Sprintf("the most crowded image has %d objects", l.Crowded))
	}
}

// atLeast raises a number that is not given.
func (r *Recipe) atLeast(key string, field *int, least int, reason string) {
	if *field < least {
		set(r, key, field, least, reason)
	}
}

// roundUp rounds v up to a multiple of m.
func roundUp(v, m int) int { return (v + m - 1) / m * m }
