use cluster_model::*;
fn main() {
    let max: usize = std::env::args().nth(1).unwrap().parse().unwrap();
    let only = std::env::args().nth(2);
    for m in Mutation::ALL.iter().skip(std::env::var("SKIP").map_or(0, |v| v.parse().unwrap())).filter(|m| only.as_deref().is_none_or(|o| format!("{m:?}") == o)) {
        for s in SCENARIOS {
            let mut line = String::new();
            let t = std::time::Instant::now();
            let o = search(&Model { scenario: *s, rules: Rules::without(*m) }, Property::ALL, max);
            if let Some(v) = o.violation { line += &format!(" {:?}@{}({:?})", v.property, o.states, t.elapsed()); if only.is_some() { println!("{v}"); } }
            println!("{m:?} / {}: {}{line}", s.name, if o.exhausted { "none" } else { "" });
        }
    }
}
