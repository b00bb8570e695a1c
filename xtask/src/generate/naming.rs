//! Kafka's names as Rust names.

/// `TopicId` and `topicId` become `topic_id`; a keyword becomes a raw identifier.
pub fn field(name: &str) -> String {
    let snake = snake_case(name);
    match snake.as_str() {
        "type" | "match" | "ref" | "use" | "move" | "where" | "final" | "abstract" | "override" => {
            format!("r#{snake}")
        }
        _ => snake,
    }
}

/// `ISRChange` becomes `isr_change`, `V3AndBelow` becomes `v3_and_below`.
pub fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (index, character) in characters.iter().enumerate() {
        let after_word = index > 0 && !characters[index - 1].is_uppercase();
        let before_word = index > 0 && characters.get(index + 1).is_some_and(|c| c.is_lowercase());
        if character.is_uppercase() && (after_word || before_word) {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

/// `TopicId` becomes `topicId`, as Kafka's own JSON writes field names.
pub fn camel_case(name: &str) -> String {
    let mut characters = name.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_words() {
        for (kafka, rust) in [
            ("TopicId", "topic_id"),
            ("topicId", "topic_id"),
            ("V3AndBelowTransactionalId", "v3_and_below_transactional_id"),
            ("KRaftVersionRecord", "k_raft_version_record"),
            ("NewISR", "new_isr"),
            ("ISRChange", "isr_change"),
            ("Type", "r#type"),
        ] {
            assert_eq!(field(kafka), rust);
        }
        assert_eq!(camel_case("TopicId"), "topicId");
    }
}
