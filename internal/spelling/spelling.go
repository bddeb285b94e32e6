// Package spelling suggests corrections of mistyped words.
package spelling

import "strings"

// Nearest returns the known word nearest to word, or "" if none is near. A known word
// is near if the edit distance (with transpositions) is at most a third of the
// letters of word, but at least 1 is allowed, or if it is the only known word that
// begins with word. Case is ignored. The first of equally near words is returned.
func Nearest(word string, known []string) string {
	const longest = 100 // no known word is longer, and the distance takes quadratic time
	typed := []rune(strings.ToLower(word))
	if len(typed) == 0 || len(typed) > longest {
		return ""
	}
	best, least := "", max(1, len(typed)/3)+1
	var begun []string
	for _, k := range known {
		lower := strings.ToLower(k)
		if d := distance(typed, []rune(lower)); d < least {
			best, least = k, d
		}
		if strings.HasPrefix(lower, string(typed)) {
			begun = append(begun, k)
		}
	}
	if best == "" && len(begun) == 1 {
		return begun[0]
	}
	return best
}

// DidYouMean returns `; did you mean X?` for the nearest known word, quoted by the
// given function, or "" if none is near.
func DidYouMean(word string, known []string, quote func(string) string) string {
	near := Nearest(word, known)
	if near == "" {
		return ""
	}
	return "; did you mean " + quote(near) + "?"
}

// Alternatives joins words with commas and "or": a, b or c.
func Alternatives(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// distance returns the edit distance of a and b: replacements, insertions, deletions
// and transpositions of adjacent letters (optimal string alignment).
func distance(a, b []rune) int {
	row := func() []int { return make([]int, len(b)+1) }
	before, last, this := row(), row(), row()
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		this[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			this[j] = min(last[j]+1, this[j-1]+1, last[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				this[j] = min(this[j], before[j-2]+1)
			}
		}
		before, last, this = last, this, before
	}
	return last[len(b)]
}
