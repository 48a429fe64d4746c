# Lists the figures of a run that have an aim, the first in the list of aims that names them.
FNR == NR {
	if ($0 !~ /^#/ && NF == 3) {
		pattern = $1
		gsub(/[.]/, "[.]", pattern)
		gsub(/[*]/, ".*", pattern)
		names[++n] = "^" pattern "$"
		way[n] = $2
		aim[n] = $3
	}
	next
}
$1 == "figure:" {
	for (i = 1; i <= n; i++) {
		if ($2 ~ names[i]) {
			reached = way[i] == ">=" ? $3 >= aim[i] : $3 <= aim[i]
			printf "%-8s %-60s %10s  %s %s\n", reached ? "reached" : "SHORT", $2, $3, way[i], aim[i]
			break
		}
	}
}
