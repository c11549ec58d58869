export default function Page() {
  return <p>faramesh in Next</p>;
}
