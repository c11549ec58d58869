//! Tables, each in a box that scrolls sideways by itself, so that the page never has to.

use engine::decision::Outcome;
use leptos::prelude::*;

use super::OutcomeBadge;

/// The head of a column.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    /// Of text.
    Text(&'static str),
    /// Of numbers, which are aligned to the end of their cells.
    Number(&'static str),
    /// Of buttons, whose labels describe them.
    Buttons(&'static str),
}

use Column::{Buttons, Number, Text};

/// A table with these heads; its rows are the children.
#[component]
pub fn Table(
    /// Its content.
    #[prop(into)]
    label: String,
    /// How it is styled.
    #[prop(optional)]
    class: &'static str,
    /// The heads.
    #[prop(into)]
    columns: Vec<Column>,
    /// The rows.
    children: Children,
) -> impl IntoView {
    let heads: Vec<_> = columns.into_iter().map(head).collect();
    view! {
        <Scroll label>
            <table class=class>
                <thead>
                    <tr>{heads}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </Scroll>
    }
}

fn head(column: Column) -> impl IntoView {
    match column {
        Text(name) => view! { <th scope="col">{name}</th> }.into_any(),
        Number(name) => view! { <th scope="col" class="end">{name}</th> }.into_any(),
        Buttons(name) => view! { <th scope="col"><span class="hidden">{name}</span></th> }.into_any(),
    }
}

/// Outcomes against outcomes: the present ones in the rows, the new ones in the columns; none means no opinion.
#[component]
pub fn Matrix(
    /// Its content.
    label: &'static str,
    /// The meaning of rows and columns.
    corner: &'static str,
    /// The columns.
    columns: Vec<Option<Outcome>>,
    /// The cell for a row and a column.
    cell: impl Fn(Outcome, Option<Outcome>) -> AnyView + 'static,
    /// The sentence above it.
    #[prop(optional)]
    caption: Option<&'static str>,
) -> impl IntoView {
    let heads: Vec<_> = columns
        .iter()
        .map(|column| {
            let name = match column {
                Some(outcome) => view! { <OutcomeBadge outcome=*outcome /> }.into_any(),
                None => "No opinion".into_any(),
            };
            view! { <th scope="col" class="end">{name}</th> }
        })
        .collect();
    let rows: Vec<_> = Outcome::ALL
        .into_iter()
        .map(|from| {
            let cells: Vec<_> = columns.iter().map(|to| cell(from, *to)).collect();
            view! {
                <tr>
                    <th scope="row">
                        <OutcomeBadge outcome=from />
                    </th>
                    {cells}
                </tr>
            }
        })
        .collect();
    view! {
        <Scroll label>
            <table class="matrix">
                {caption.map(|caption| view! { <caption class="help">{caption}</caption> })}
                <thead>
                    <tr>
                        <th scope="col">{corner}</th>
                        {heads}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </Scroll>
    }
}

/// A box that scrolls sideways, by keyboard too, around content that is too wide for a narrow page.
#[component]
pub fn Scroll(
    /// Its content.
    #[prop(into)]
    label: String,
    /// The wide content.
    children: Children,
) -> impl IntoView {
    view! {
        <div class="scroll" tabindex="0" role="group" aria-label=label>
            {children()}
        </div>
    }
}
