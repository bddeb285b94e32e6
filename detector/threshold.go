package detector

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"scalenet/internal/brief"
	"scalenet/internal/spelling"
	"scalenet/roi"
)

// DefaultThreshold is the score threshold where none is given, and of classes for which no best one could be chosen.
const DefaultThreshold = 0.5

// Threshold is a score threshold as users write it, for any model: a number, "best", or a list by class. The zero value is DefaultThreshold for every
// class. [Threshold.For] gives the numbers of a model.
type Threshold struct {
	others  *level // of the classes that are not in byClass; nil is not given
	byClass []classLevel
}

// level is a score, or the model's own.
type level struct {
	score float32
	best  bool
}

type classLevel struct {
	class string
	level
}

// SameThreshold returns a threshold for every class.
func SameThreshold(score float32) Threshold { return Threshold{others: &level{score: score}} }

// bestWord stands for the thresholds in the model's file. anyClass stands for the other classes.
const (
	bestWord = "best"
	anyClass = "*"
)

// ParseThreshold reads a threshold:
//
//	0.4                    for every class
//	best                   the thresholds in the model's file
//	RBC=0.4,WBC=best       by class; the other classes are not given
//	0.3,RBC=best           by class, and for the other classes; also *=0.3
//	"left, upper=0.4"      an item with a comma is put in double quotes, as in CSV
//
// The last = of an item is the one before the value, so that class names may have one.
func ParseThreshold(text string) (Threshold, error) {
	items, err := commaSeparated(text)
	if err != nil {
		return Threshold{}, err
	}
	var t Threshold
	for _, item := range items {
		class, value := anyClass, item
		if at := strings.LastIndex(item, "="); at >= 0 {
			class, value = strings.TrimSpace(item[:at]), item[at+1:]
		}
		l, ok := parseLevel(strings.TrimSpace(value))
		switch {
		case !ok && len(items) > 1:
			return Threshold{}, fmt.Errorf("%q: %s", brief.Text(item), wantThreshold)
		case !ok:
			return Threshold{}, errors.New(wantThreshold)
		}
		if err := t.add(class, l); err != nil {
			return Threshold{}, err
		}
	}
	return t, nil
}

// commaSeparated returns the items of one line of CSV.
func commaSeparated(text string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.LazyQuotes, r.TrimLeadingSpace = true, true // a class name may have a quote
	items, err := r.Read()
	if err == nil {
		if _, err = r.Read(); errors.Is(err, io.EOF) {
			return items, nil
		}
	}
	return nil, errors.New(wantThreshold)
}

const wantThreshold = "want a number from 0 to 1, best, or a list by class such as RBC=0.4,WBC=best"

func parseLevel(text string) (l level, ok bool) {
	if text == bestWord {
		return level{best: true}, true
	}
	v, err := strconv.ParseFloat(text, 32)
	return level{score: float32(v)}, err == nil && v >= 0 && v <= 1
}

func (t *Threshold) add(class string, l level) error {
	switch {
	case class == anyClass && t.others != nil:
		return errors.New("two thresholds for the other classes")
	case class == anyClass:
		t.others = &l
		return nil
	case slices.ContainsFunc(t.byClass, func(c classLevel) bool { return c.class == class }):
		return fmt.Errorf("two thresholds for the class %q", brief.Text(class))
	}
	t.byClass = append(t.byClass, classLevel{class, l})
	return nil
}

// Classes returns the classes that have a threshold of their own.
func (t Threshold) Classes() (names []string) {
	for _, c := range t.byClass {
		names = append(names, c.class)
	}
	return names
}

// Check returns an error for a class that is not in names, for two thresholds for one of them, and for a score that is out of range.
func (t Threshold) Check(names []string) error {
	if t.others != nil && !(t.others.score >= 0 && t.others.score <= 1) {
		return fmt.Errorf("%v: %s", t.others.score, wantThreshold)
	}
	given := make(map[int]string, len(t.byClass))
	for _, c := range t.byClass {
		k := indexOfClass(names, c.class)
		if k < 0 {
			return unknownClass(c.class, names)
		}
		if first, twice := given[k]; twice {
			return fmt.Errorf("two thresholds for the class %q, as %q and %q", brief.Text(names[k]), brief.Text(first), brief.Text(c.class))
		}
		given[k] = c.class
	}
	return nil
}

// Among returns the threshold without the classes that are not in names. One that differs in case from a name is left out if the name itself has a
// threshold, so that classes of several models may differ in nothing else.
func (t Threshold) Among(names []string) Threshold {
	all := t.Classes()
	t.byClass = slices.DeleteFunc(slices.Clone(t.byClass), func(c classLevel) bool {
		k := indexOfClass(names, c.class)
		return k < 0 || names[k] != c.class && slices.Contains(all, names[k])
	})
	return t
}

// Or returns t, and for what is not given in it, otherwise.
func (t Threshold) Or(otherwise Threshold) Threshold {
	if t.others != nil {
		return t
	}
	merged := Threshold{others: otherwise.others, byClass: slices.Clone(t.byClass)}
	for _, c := range otherwise.byClass {
		if indexOfClass(t.Classes(), c.class) < 0 {
			merged.byClass = append(merged.byClass, c)
		}
	}
	return merged
}

// String returns the threshold as ParseThreshold reads it.
func (t Threshold) String() string {
	var items []string
	if t.others != nil {
		items = append(items, t.others.String())
	} else if t.byClass == nil {
		items = append(items, level{score: DefaultThreshold}.String())
	}
	for _, c := range t.byClass {
		item := c.class + "=" + c.String()
		if strings.ContainsAny(item, `,"`) {
			item = `"` + strings.ReplaceAll(item, `"`, `""`) + `"`
		}
		items = append(items, item)
	}
	return strings.Join(items, ",")
}

func (l level) String() string {
	if l.best {
		return bestWord
	}
	return strconv.FormatFloat(float64(l.score), 'g', -1, 32)
}

// For returns the lowest score of each class of a model. A class that the model does not have is an error, and so are two thresholds for a class, and
// "best" if no thresholds are stored in the model's file.
func (t Threshold) For(m *Model) (MinScores, error) {
	if err := t.Check(m.Classes); err != nil {
		return nil, err
	}
	others := level{score: DefaultThreshold}
	if t.others != nil {
		others = *t.others
	}
	levels := slices.Repeat([]level{others}, len(m.Classes))
	for _, c := range t.byClass {
		levels[indexOfClass(m.Classes, c.class)] = c.level
	}
	scores, best := make(MinScores, len(levels)), m.BestScores()
	for k, l := range levels {
		switch {
		case !l.best:
			scores[k] = l.score
		case best == nil:
			return nil, errors.New("best: no thresholds are stored in the model's file; `scalenet eval --model FILE --data PATH --choose-threshold f1` chooses and stores them")
		default:
			scores[k] = best[k]
		}
	}
	return scores, nil
}

// BestScores returns the thresholds in the model's file, with DefaultThreshold for classes without one, or nil if none are stored.
func (m *Model) BestScores() MinScores {
	if m.Thresholds == nil {
		return nil
	}
	scores := make(MinScores, len(m.Classes))
	for k, c := range m.Thresholds.Classes {
		scores[k] = DefaultThreshold
		if c.Point != nil {
			scores[k] = float32(c.Point.Threshold.Value)
		}
	}
	return scores
}

// indexOfClass finds a class. Upper and lower case are the same where that is not ambiguous. It returns -1 if there is no such class.
func indexOfClass(names []string, class string) int {
	if k := slices.Index(names, class); k >= 0 {
		return k
	}
	same := func(name string) bool { return strings.EqualFold(name, class) }
	k := slices.IndexFunc(names, same)
	if k >= 0 && slices.ContainsFunc(names[k+1:], same) {
		return -1
	}
	return k
}

func unknownClass(class string, names []string) error {
	quote := func(name string) string { return strconv.Quote(brief.Text(name)) }
	return fmt.Errorf("no class %s%s; there are %s", quote(class), spelling.DidYouMean(class, names, quote), brief.List(names))
}

// MinScores are the lowest scores of detections, by class; that of class k of a Detection is at k-1.
type MinScores []float32

// Keep returns the detections that reach the score of their class, in their order. It reuses found.
func (s MinScores) Keep(found []roi.Detection) []roi.Detection {
	return slices.DeleteFunc(found, func(x roi.Detection) bool { return x.Score < s[x.Class-1] })
}

// Narrow sets the score threshold of post-processing to the lowest of all classes. For the detections that Keep keeps, that is the same as one run per
// class with the class's own threshold: NMS is by class and never suppresses a box by one of lower score, and the PerImage highest-scored boxes of an
// image remain these, whatever lies below them.
func (s MinScores) Narrow(d *roi.DetectionConfig) {
	d.Score = max(0, float64(math.Nextafter32(slices.Min(s), -1))) // post-processing wants a higher score, not an equal one
}
