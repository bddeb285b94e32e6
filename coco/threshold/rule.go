package threshold

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"scalenet/internal/brief"
)

// Rule says which threshold is chosen. The zero value is not a rule.
type Rule struct {
	kind ruleKind
	goal float64 // least precision or recall
}

type ruleKind int

const (
	highestF1 ruleKind = iota + 1
	leastPrecision
	leastRecall
)

// ParseRule reads a rule:
//
//	f1           the threshold of highest F1; of equal ones the highest threshold
//	precision=P  the lowest threshold at which the precision is at least P
//	recall=R     the highest threshold at which the recall is at least R
func ParseRule(text string) (Rule, error) {
	if text == "f1" {
		return Rule{kind: highestF1}, nil
	}
	name, value, _ := strings.Cut(text, "=")
	kind := map[string]ruleKind{"precision": leastPrecision, "recall": leastRecall}[name]
	goal, err := strconv.ParseFloat(value, 64)
	switch {
	case kind == 0:
		return Rule{}, errors.New("want f1, precision=P or recall=R, such as precision=0.95")
	case err != nil || !(goal > 0 && goal <= 1):
		return Rule{}, fmt.Errorf("%s %q: want a number above 0 and at most 1", name, brief.Text(value))
	}
	return Rule{kind, goal}, nil
}

// String returns the rule as ParseRule reads it.
func (r Rule) String() string {
	goal := strconv.FormatFloat(r.goal, 'g', -1, 64)
	switch r.kind {
	case leastPrecision:
		return "precision=" + goal
	case leastRecall:
		return "recall=" + goal
	}
	return "f1"
}

// missed says why no threshold fulfils the rule. best is the highest precision or recall of all thresholds.
func (r Rule) missed(objects, detections int, best float64) string {
	switch {
	case objects == 0:
		return "no objects"
	case detections == 0:
		return "no detections"
	case best == 0:
		return "no detection is right"
	case r.kind == leastPrecision:
		return fmt.Sprintf("precision %v is not reached, the highest is %.3f", r.goal, best)
	}
	return fmt.Sprintf("recall %v is not reached, the highest is %.3f", r.goal, best)
}
