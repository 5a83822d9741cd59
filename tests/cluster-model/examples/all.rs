use cluster_model::*;
fn main() {
    let only = std::env::args().nth(1);
    for s in SCENARIOS.iter().filter(|s| only.as_deref().is_none_or(|o| s.name == o)) {
        let t = std::time::Instant::now();
        let o = search(&Model { scenario: *s, rules: Rules::KEPT }, Property::ALL, 6_000_000);
        println!("{:24} states {:>9} steps {:>10} depth {:>3} {:?} {}", s.name, o.states, o.steps, o.depth, t.elapsed(), o.exhausted);
        if let Some(v) = o.violation { println!("{v}"); }
    }
}
