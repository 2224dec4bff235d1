"""One answer: what was generated, what was heard, and where its transcript is cut."""

from voiceagent.turn import Turn, TurnState


def spoken(*pieces: tuple[str, float], start: float = 100.0) -> Turn:
    """An answer of which each text comes with so many milliseconds of audio."""
    turn = Turn(1)
    turn.begins_at(start)
    for text, ms in pieces:
        turn.add_text(text)
        turn.add_audio(ms)
    return turn


def test_heard_follows_the_line_and_never_exceeds_what_was_generated() -> None:
    turn = spoken(("Hello", 500))
    assert turn.heard_ms(50) == 0
    assert turn.heard_ms(350) == 250
    assert turn.heard_ms(10_000) == 500


def test_an_answer_without_audio_was_not_heard() -> None:
    assert Turn(1).heard_ms(10_000) == 0


def test_heard_stands_still_after_an_interruption() -> None:
    turn = spoken(("Hello there", 1000))
    turn.interrupt(300)
    turn.interrupt(900)
    assert turn.heard_ms(5000) == 200
    assert turn.heard_out(5000)


def test_the_transcript_is_cut_after_the_last_word_heard() -> None:
    turn = spoken(("Ten o'clock is free.", 1000), (" Shall I book it for you?", 1000))
    turn.interrupt(100 + 1000 + 560)
    assert turn.text_heard(9999) == "Ten o'clock is free. Shall I book"
    assert turn.text == "Ten o'clock is free. Shall I book it for you?"


def test_a_transcript_heard_to_its_end_is_whole() -> None:
    turn = spoken(("Good", 300), ("bye.", 300))
    assert turn.text_heard(700) == "Goodbye."


def test_nothing_heard_is_an_empty_transcript() -> None:
    turn = spoken(("Hello", 500))
    turn.interrupt(100)
    assert turn.text_heard(100) == ""


def test_text_without_audio_between_is_one_piece() -> None:
    turn = spoken(("One two ", 0), ("three four.", 1000))
    turn.interrupt(100 + 500)
    assert turn.text_heard(9999) == "One two"


def test_text_that_comes_after_its_audio_is_cut_where_the_audio_was() -> None:
    late = Turn(1)
    late.begins_at(0)
    late.add_audio(1000)
    late.add_text("One two ")
    late.add_text("three four.")
    late.interrupt(500)
    assert late.text_heard(9999) == "One two"


def test_text_of_which_no_audio_came_was_not_heard() -> None:
    turn = Turn(1)
    turn.add_text("Hello")
    assert turn.text_heard(10_000) == ""


def test_a_barge_in_takes_away_what_was_not_heard_or_not_even_made() -> None:
    turn = Turn(1)
    assert not turn.interruptible(0), "there is nothing yet"
    turn.begins_at(0)
    turn.add_audio(1000)
    assert turn.interruptible(1000), "the model has not ended it"
    turn.state = TurnState.OVER
    assert turn.interruptible(500)
    assert not turn.interruptible(1000), "all of it was heard"
    turn.interrupt(500)
    assert not turn.interruptible(500), "that was done already"


def test_what_arrives_after_the_model_was_interrupted_is_late_until_its_turn_is_over() -> None:
    turn = spoken(("Hello", 500))
    turn.drop_late(1000)
    assert turn.state is TurnState.INTERRUPTED
    turn.state = TurnState.OVER
    turn.drop_late(1000)
    assert turn.state is TurnState.OVER


def test_a_turn_that_is_never_ended_does_not_swallow_the_next_answer_for_ever() -> None:
    turn = spoken(("Hello", 500))
    turn.drop_late(1000)
    turn.drop_late(9000)
    assert not turn.stale(3900)
    assert turn.stale(4100), "repeated interruptions do not begin anew"


def said_around_a_tool(*pieces: str, after: int) -> Turn:
    """An answer of 100 ms for each piece, in which a tool is called after so many of them."""
    turn = Turn(1)
    turn.begins_at(0)
    for number, piece in enumerate(pieces):
        if number == after:
            turn.tool_called()
        turn.add_text(piece)
        turn.add_audio(100)
    return turn


def test_a_tool_parts_what_is_said_before_it_from_what_is_said_after() -> None:
    turn = said_around_a_tool("Let me", " see.", " It is", " free.", after=2)

    assert turn.parts == 2
    assert turn.parts_heard(400) == ("Let me see.", "It is free.")
    assert turn.parts_heard(300) == ("Let me see.", "It is")
    assert turn.parts_heard(100) == ("Let me", "")
    assert turn.text_heard(400) == "Let me see. It is free."


def test_words_that_come_late_still_belong_before_the_tool() -> None:
    turn = said_around_a_tool("Let", " me", " see.", " It is free.", after=1)
    assert turn.parts_heard(400) == ("Let me see.", "It is free.")


def test_a_tool_before_the_first_word_parts_nothing() -> None:
    turn = said_around_a_tool("It is", " free.", " Shall I?", after=0)
    assert (turn.parts, turn.parts_heard(300)) == (1, ("It is free. Shall I?",))
